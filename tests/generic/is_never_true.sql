{# Fails for each row where a boolean is true; a null passes. #}
{% test is_never_true(model, column_name) %}

select {{ column_name }}

from {{ model }}

where {{ column_name }}

{% endtest %}

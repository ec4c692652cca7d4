{# Fails for each value that is NaN or infinite; a null passes. #}
{% test is_finite(model, column_name) %}

select {{ column_name }}

from {{ model }}

where {{ column_name }} is not null
    and not ({{ column_name }} > -1.7e308 and {{ column_name }} < 1.7e308)

{% endtest %}

{#
    Fails for each value below min_value or above max_value, NaN included; a null passes.

    is_min_included, is_max_included   whether the bounds themselves are allowed
#}
{% test in_range(model, column_name, min_value=none, max_value=none, is_min_included=true, is_max_included=true) %}

select {{ column_name }}

from {{ model }}

where {{ column_name }} is not null
    and not (
        true
        {%- if min_value is not none %}
        and {{ column_name }} {{ ">=" if is_min_included else ">" }} {{ min_value }}
        {%- endif %}
        {%- if max_value is not none %}
        and {{ column_name }} {{ "<=" if is_max_included else "<" }} {{ max_value }}
        {%- endif %}
    )

{% endtest %}

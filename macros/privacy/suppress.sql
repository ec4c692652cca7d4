{# True for a row about fewer customers than the option `suppress_below`; never null. #}
{% macro is_suppressed(customers) -%}
    {%- set smallest = segmentation.option("suppress_below") -%}
    {{ "coalesce(" ~ customers ~ ", 0) < " ~ smallest if smallest > 0 else "false" }}
{%- endmacro %}


{# A statistic, null in a suppressed row. #}
{% macro unless_suppressed(customers, statistic) -%}
    {%- if segmentation.option("suppress_below") > 0 -%}
        case when not ({{ segmentation.is_suppressed(customers) }}) then {{ statistic }} end
    {%- else -%}
        {{ statistic }}
    {%- endif -%}
{%- endmacro %}

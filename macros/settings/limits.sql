{# The transforms that a feature may have, in the order in which ties of skewness are decided. #}
{% macro transforms() %}
    {% do return(["none", "log", "sqrt", "cbrt", "box_cox", "yeo_johnson"]) %}
{% endmacro %}


{# The most segments that one segmentation may have: scoring writes one distance for each. #}
{% macro largest_k() %}
    {% do return(50) %}
{% endmacro %}

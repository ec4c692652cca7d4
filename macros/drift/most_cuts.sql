{# The most cuts between the bins of a number: nine deciles, and one below the smallest value. #}
{% macro most_cuts() %}
    {% do return(10) %}
{% endmacro %}

{# A share in percent, with decimals enough to tell it from the bound that it misses and from 0; as text. #}
{% macro missed_share(share, bound) -%}
    case
        {%- for decimals in range(1, 12) %}
        when {{ segmentation.fixed_point("100 * " ~ share, decimals) }} > 0
            and {{ segmentation.fixed_point("100 * " ~ share, decimals) }} < 100 * {{ bound }}
            then {{ segmentation.decimal_text("100 * " ~ share, decimals) }}
        {%- endfor %}
        else {{ segmentation.decimal_text("100 * " ~ share, 12) }}
    end
{%- endmacro %}


{# A number of different customers in words. #}
{% macro customers_text(count) -%}
    case
        when {{ count }} = 1 then '1 distinct customer'
        else {{ dbt.concat(["cast(" ~ count ~ " as " ~ dbt.type_string() ~ ")", "' distinct customers'"]) }}
    end
{%- endmacro %}

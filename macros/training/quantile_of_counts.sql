{#
    A quantile in each group of a select, interpolated linearly as numpy's: from values that say how
    many customers have them, so that the share may differ by group and every engine says the same.

    value    column of different values
    share    SQL of the share, from 0 to 1, the same in the whole group
    Also reads the columns of `with_customers_before`.
#}
{% macro quantile_of_counts(value, share) -%}
{%- set place = "(" ~ share ~ ") * (all_customers - 1)" -%}
{%- set below = "max(case when customers_before <= floor(" ~ place ~ ") and floor(" ~ place ~ ") < customers_before + customers then " ~ value ~ " end)" -%}
{%- set above = "max(case when customers_before <= floor(" ~ place ~ ") + 1 and floor(" ~ place ~ ") + 1 < customers_before + customers then " ~ value ~ " end)" -%}
{{ below }} + (coalesce({{ above }}, {{ below }}) - {{ below }}) * max({{ place }} - floor({{ place }}))
{%- endmacro %}


{#
    The customers with a smaller value, and all of them, beside each value of a group.

    counted  relation of (<keys>, <value>, customers), one row a value
    keys     the columns that make a group
#}
{% macro with_customers_before(counted, value="value", keys=["segmentation", "feature"]) %}
    select
        {{ counted }}.*,
        cast(coalesce(sum(customers) over (
            partition by {{ keys | join(", ") }}
            order by {{ value }}
            rows between unbounded preceding and 1 preceding
        ), 0) as {{ segmentation.type_double() }}) as customers_before,
        cast(sum(customers) over (partition by {{ keys | join(", ") }}) as {{ segmentation.type_double() }}) as all_customers

    from {{ counted }}

    where {{ value }} is not null
{% endmacro %}

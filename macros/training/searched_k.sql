{#
    What bounds the cost of a fit, whatever the sample's size, as {starts: on how many customers the
    starts are tried, search: on how many k is searched, silhouettes: on how many silhouettes are
    measured, which are distances of all pairs}.
#}
{% macro training_sizes() %}
    {% do return({"starts": 1000, "search": 10000, "silhouettes": 1000}) %}
{% endmacro %}


{# How many iterations each start has, the best of them in the search, and the chosen k on the whole sample. #}
{% macro training_iterations() %}
    {% do return({"starts": 15, "search": 40, "final": 40}) %}
{% endmacro %}


{# A k that is asked for is reported beside as many larger ones. #}
{% macro neighbors_of_fixed_k() %}
    {% do return(2) %}
{% endmacro %}


{# The largest k that any definition searches; 1 as dbt parses. #}
{% macro largest_searched_k() %}
    {% set largest = [1] %}
    {% for definition in (segmentation.fitted_definitions() if execute else {}).values() if definition.k.max is not none %}
        {% do largest.append(definition.k.max + (segmentation.neighbors_of_fixed_k() if definition.k.fixed else 0)) %}
    {% endfor %}
    {% do return(largest | max) %}
{% endmacro %}


{#
    How many different customers each segmentation has, as SQL of (segmentation, customers,
    different_customers); those closer than a millionth of a standard deviation count as one.
#}
{% macro different_customers(points, coordinates) %}
    select
        segmentation,
        sum(customers) as customers,
        count(*) as different_customers

    from (

        select
            segmentation,
            count(*) as customers

        from {{ points }}

        group by
            segmentation
            {%- for coordinate in coordinates %},
            round({{ coordinate }} * 1000000)
            {%- endfor %}

    ) as different

    group by segmentation
{% endmacro %}


{# The k that are searched, from 1, as SQL of (segmentation, k): never more than there are different customers. #}
{% macro searched_k(points, settings, coordinates) %}
    select
        asked.segmentation,
        numbers.k

    from (
        select distinct
            segmentation,
            k_max + case when is_k_fixed then {{ segmentation.neighbors_of_fixed_k() }} else 0 end as k_max

        from {{ settings }} as settings
    ) as asked

    inner join (
        {{ segmentation.different_customers("(select * from " ~ points ~ " as points where is_fitted) as fitted_points", coordinates) }}
    ) as differing
        on asked.segmentation = differing.segmentation

    inner join {{ segmentation.literal_rows(["k"], range(1, segmentation.largest_searched_k() + 1) | batch(1), "numbers") }}
        on numbers.k <= asked.k_max
        and numbers.k <= differing.different_customers
{% endmacro %}


{#
    The first customers by their hash, as SQL of (segmentation, customer_number, <coordinates>);
    everybody, where too many of these are alike to search all k.

    size   how many
#}
{% macro first_points(points, settings, coordinates, size) %}
{%- set first = "(select * from " ~ points ~ " as points where is_fitted and customer_number <= " ~ size ~ ") as first_points" %}
    select
        points.segmentation,
        points.customer_number,
        {%- for coordinate in coordinates %}
        points.{{ coordinate }}{{ "" if loop.last else "," }}
        {%- endfor %}

    from {{ points }} as points

    inner join ({{ segmentation.different_customers(first, coordinates) }}) as differing
        on points.segmentation = differing.segmentation

    inner join (
        select
            segmentation,
            max(k) as largest_k

        from ({{ segmentation.searched_k(points, settings, coordinates) }}) as searched

        group by segmentation
    ) as searches
        on points.segmentation = searches.segmentation

    where points.is_fitted
        and (points.customer_number <= {{ size }} or differing.different_customers < searches.largest_k)
{% endmacro %}

{#
    K-means by Lloyd's iterations (Lloyd 1982), each a step of SQL: for many segmentations and many k
    at once, which are told apart by their columns. All steps take and give relations or CTEs of

      points     (segmentation, customer_number, <coordinates>), one row a customer
      centroids  (segmentation, k, cluster, <coordinates>), one row a cluster, counted from 0
      wanted     (segmentation, k), what is looked for
#}

{# How many iterations there are: k-means has no way to stop early in one query. #}
{% macro iterations() %}
    {% do return(40) %}
{% endmacro %}


{#
    Where the centroids start: the customers in the order of the sum of their coordinates, cut into k
    slices of the same size; the mean of each. No luck is in it, nor the order of rows. Customers who are
    alike count once, so that k slices are k places where there are as many.
#}
{% macro start_centroids(points, wanted, coordinates) %}
    select
        segmentation,
        k,
        cluster
        {%- for coordinate in coordinates %},
        avg({{ coordinate }}) as {{ coordinate }}
        {%- endfor %}

    from (

        select
            places.*,
            wanted.k,
            cast(floor((places.place - 1) * wanted.k / cast(places.all_places as {{ segmentation.type_double() }})) as integer) as cluster

        from (

            select
                different.*,
                row_number() over (
                    partition by segmentation
                    order by {{ coordinates | join(" + ") }}, {{ coordinates | join(", ") }}
                ) as place,
                count(*) over (partition by segmentation) as all_places

            from (select distinct segmentation, {{ coordinates | join(", ") }} from {{ points }}) as different

        ) as places

        inner join {{ wanted }} as wanted
            on places.segmentation = wanted.segmentation

    ) as slices

    group by
        segmentation,
        k,
        cluster
{% endmacro %}


{#
    The nearest centroid of each customer, for each k, of equally near ones the lowest; as SQL of
    (segmentation, k, customer_number, <coordinates>, cluster, squared_distance).
#}
{% macro nearest_centroids(points, centroids, coordinates) %}
    {{- return(adapter.dispatch("nearest_centroids", "segmentation")(points, centroids, coordinates)) -}}
{% endmacro %}


{% macro default__nearest_centroids(points, centroids, coordinates) %}
    select
        segmentation,
        k,
        customer_number,
        {{ coordinates | join(",\n        ") }},
        cluster,
        squared_distance

    from (

        select
            distances.*,
            row_number() over (
                partition by segmentation, k, customer_number
                order by squared_distance, cluster
            ) as place

        from ({{ segmentation._centroid_distances(points, centroids, coordinates) }}) as distances

    ) as placed

    where place = 1
{% endmacro %}


{# Engines that can compare structs need not sort: several times as fast. #}
{% macro duckdb__nearest_centroids(points, centroids, coordinates) %}
    {{- segmentation._nearest_by_struct(points, centroids, coordinates, "struct_pack(squared_distance := squared_distance, cluster := cluster)") }}
{% endmacro %}


{% macro spark__nearest_centroids(points, centroids, coordinates) %}
    {{- segmentation._nearest_by_struct(points, centroids, coordinates, "struct(squared_distance, cluster)") }}
{% endmacro %}


{% macro _nearest_by_struct(points, centroids, coordinates, struct) %}
    select
        segmentation,
        k,
        customer_number,
        {{ coordinates | join(",\n        ") }},
        nearest.cluster as cluster,
        nearest.squared_distance as squared_distance

    from (

        select
            segmentation,
            k,
            customer_number,
            {%- for coordinate in coordinates %}
            max({{ coordinate }}) as {{ coordinate }},
            {%- endfor %}
            min({{ struct }}) as nearest

        from ({{ segmentation._centroid_distances(points, centroids, coordinates) }}) as distances

        group by
            segmentation,
            k,
            customer_number

    ) as compared
{% endmacro %}


{# A look at the few centroids for each customer beats any sort of all pairs. #}
{% macro postgres__nearest_centroids(points, centroids, coordinates) %}
    select
        points.segmentation,
        nearest.k,
        points.customer_number,
        {%- for coordinate in coordinates %}
        points.{{ coordinate }},
        {%- endfor %}
        nearest.cluster,
        nearest.squared_distance

    from {{ points }} as points

    cross join lateral (

        select distinct on (distances.k)
            distances.k,
            distances.cluster,
            distances.squared_distance

        from (

            select
                centroids.k,
                centroids.cluster,
                {{ segmentation._squared_distance(coordinates) }} as squared_distance

            from {{ centroids }} as centroids

            where centroids.segmentation = points.segmentation
                and centroids.{{ coordinates[0] }} is not null

        ) as distances

        order by distances.k, distances.squared_distance, distances.cluster

    ) as nearest
{% endmacro %}


{% macro redshift__nearest_centroids(points, centroids, coordinates) %}
    {{- segmentation.default__nearest_centroids(points, centroids, coordinates) }}
{% endmacro %}


{% macro _centroid_distances(points, centroids, coordinates) %}
    select
        points.segmentation,
        centroids.k,
        points.customer_number,
        {%- for coordinate in coordinates %}
        points.{{ coordinate }},
        {%- endfor %}
        centroids.cluster,
        {{ segmentation._squared_distance(coordinates) }} as squared_distance

    from {{ points }} as points

    inner join {{ centroids }} as centroids
        on points.segmentation = centroids.segmentation

    where centroids.{{ coordinates[0] }} is not null
{% endmacro %}


{% macro _squared_distance(coordinates, left="points", right="centroids") -%}
    {%- for coordinate in coordinates %}
    {{- " + " if not loop.first }}({{ left }}.{{ coordinate }} - {{ right }}.{{ coordinate }}) * ({{ left }}.{{ coordinate }} - {{ right }}.{{ coordinate }})
    {%- endfor %}
{%- endmacro %}


{#
    The centroids after one more iteration, as SQL: each the mean of the customers nearest to it. A
    cluster that nobody is nearest to moves beside the one that reaches farthest in any coordinate, to
    where that one ends, so that the customer there is nearest to it next; of several such clusters each
    takes another. Where there is none to move to it has no place (nulls), and no customers.

    clusters   relation of (segmentation, k, cluster): all that there should be
#}
{% macro next_centroids(points, centroids, clusters, coordinates) %}
    select
        segmentation,
        k,
        cluster
        {%- for coordinate in coordinates %},
        case
            when customers is not null then {{ coordinate }}
            else max(case when {{ coordinate }} is not null and reach > 0 then case when farthest = {{ loop.index }} then largest_{{ coordinate }} else {{ coordinate }} end end)
                over (partition by segmentation, k, place)
        end as {{ coordinate }}
        {%- endfor %}

    from (

        select
            reaches.*,
            case
                {%- for coordinate in coordinates %}
                when largest_{{ coordinate }} - {{ coordinate }} = reach then {{ loop.index }}
                {%- endfor %}
            end as farthest,
            row_number() over (
                partition by segmentation, k, case when customers is null then 1 else 0 end
                order by reach desc, cluster
            ) as place

        from (

            select
                clusters.segmentation,
                clusters.k,
                clusters.cluster,
                means.customers,
                {%- for coordinate in coordinates %}
                means.{{ coordinate }},
                means.largest_{{ coordinate }},
                {%- endfor %}
                {%- set reaches = [] %}
                {%- for coordinate in coordinates %}
                {%- do reaches.append("means.largest_" ~ coordinate ~ " - means." ~ coordinate) %}
                {%- endfor %}
                coalesce(greatest(0, {{ reaches | join(", ") }}), 0) as reach

            from {{ clusters }} as clusters

            left join (

                select
                    segmentation,
                    k,
                    cluster,
                    count(*) as customers
                    {%- for coordinate in coordinates %},
                    avg({{ coordinate }}) as {{ coordinate }},
                    max({{ coordinate }}) as largest_{{ coordinate }}
                    {%- endfor %}

                from ({{ segmentation.nearest_centroids(points, centroids, coordinates) }}) as nearest

                group by
                    segmentation,
                    k,
                    cluster

            ) as means
                on clusters.segmentation = means.segmentation
                and clusters.k = means.k
                and clusters.cluster = means.cluster

        ) as reaches

    ) as ranked
{% endmacro %}


{#
    All clusters that are wanted, as SQL of (segmentation, k, cluster).

    largest_k   number: no k is larger
#}
{% macro wanted_clusters(wanted, largest_k) %}
    select
        wanted.segmentation,
        wanted.k,
        numbers.cluster

    from {{ wanted }} as wanted

    inner join (
        {%- for number in range(largest_k) %}
        select {{ number }} as cluster{{ "" if loop.last else " union all" }}
        {%- endfor %}
    ) as numbers
        on numbers.cluster < wanted.k
{% endmacro %}


{#
    CTEs from the clusters that are wanted to `centroids`, after all iterations.

    iterations   how many
#}
{% macro k_means(points, wanted, largest_k, coordinates, iterations) %}
    clusters as (

        {{ segmentation.wanted_clusters(wanted, largest_k) }}

    ),

    centroids_0 as {{ segmentation.materialized_cte() }} (

        {{ segmentation.start_centroids(points, wanted, coordinates) }}

    ),

    {%- for iteration in range(1, iterations + 1) %}

    centroids_{{ iteration }} as {{ segmentation.materialized_cte() }} (

        {{ segmentation.next_centroids(points, "centroids_" ~ (iteration - 1), "clusters", coordinates) }}

    ),
    {%- endfor %}

    centroids as (

        select * from centroids_{{ iterations }}

    )
{% endmacro %}


{# What keeps an engine from writing a CTE into the one that reads it, for each of its rows. #}
{% macro materialized_cte() %}
    {{- return(adapter.dispatch("materialized_cte", "segmentation")()) -}}
{% endmacro %}

{% macro default__materialized_cte() %}{% endmacro %}
{% macro postgres__materialized_cte() %}materialized{% endmacro %}
{% macro redshift__materialized_cte() %}{% endmacro %}

{#
    K-means by Lloyd's iterations (Lloyd 1982), each a step of SQL: for many segmentations, k and starts
    at once, which are told apart by their columns. All steps take and give relations or CTEs of

      points     (segmentation, customer_number, <coordinates>), one row a customer
      centroids  (segmentation, k, start_id, cluster, <coordinates>), one row a cluster, counted from 0
      wanted     (segmentation, k, start_id), what is looked for
#}

{#
    CTEs from `clusters`, all that are wanted, to `centroids`, after some iterations; k-means has no way
    to stop early in one query.

    start       CTE or relation: the centroids to start from
    largest_k   number: no k is larger
#}
{% macro k_means(points, wanted, start, coordinates, largest_k, iterations) %}
    clusters as (

        {{ segmentation.wanted_clusters(wanted, largest_k) }}

    ),

    {#- Written once: every iteration reads the same but for the centroids before it. -#}
    {%- set compared = ["segmentation", "k", "start_id", "cluster"] %}
    {%- for coordinate in coordinates %}
        {%- do compared.append("round(" ~ coordinate ~ ", 9)") %}
    {%- endfor %}
    {{- segmentation.iterated(
        "centroids", start, segmentation.next_centroids(points, "centroids_before", "clusters", coordinates), iterations, compared
    ) }}
{% endmacro %}


{#
    Where centroids may start: the customers in some order, cut into k slices of the same size; the mean
    of each. Start 0 orders them by the sum of their coordinates, the others by one coordinate each. No
    luck is in it, nor the order of rows. Customers who are alike count once, so that k slices are k
    places where there are as many.
#}
{% macro start_centroids(points, wanted, coordinates) %}
    select
        segmentation,
        k,
        start_id,
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
                ordered.*,
                row_number() over (
                    partition by segmentation, start_id
                    order by sort_value, {{ coordinates | join(", ") }}
                ) as place,
                count(*) over (partition by segmentation, start_id) as all_places

            from (

                select
                    different.*,
                    starts.start_id,
                    case starts.start_id
                        {%- for coordinate in coordinates[:segmentation.starts(coordinates) - 1] %}
                        when {{ loop.index }} then {{ coordinate }}
                        {%- endfor %}
                        else {{ coordinates | join(" + ") }}
                    end as sort_value

                from (select distinct segmentation, {{ coordinates | join(", ") }} from {{ points }} as points) as different

                inner join (select distinct segmentation, start_id from {{ wanted }}) as starts
                    on different.segmentation = starts.segmentation

            ) as ordered

        ) as places

        inner join {{ wanted }} as wanted
            on places.segmentation = wanted.segmentation
            and places.start_id = wanted.start_id

    ) as slices

    group by
        segmentation,
        k,
        start_id,
        cluster
{% endmacro %}


{# How many starts are tried: the sum, and the first nine coordinates. #}
{% macro starts(coordinates) %}
    {% do return([coordinates | length, 9] | min + 1) %}
{% endmacro %}


{#
    The nearest centroid of each customer, for each k and start, of equally near ones the lowest; as SQL
    of (segmentation, k, start_id, customer_number, <coordinates>, cluster, squared_distance).
#}
{% macro nearest_centroids(points, centroids, coordinates) %}
    {{- return(adapter.dispatch("nearest_centroids", "segmentation")(points, centroids, coordinates)) -}}
{% endmacro %}


{% macro default__nearest_centroids(points, centroids, coordinates) %}
    select
        segmentation,
        k,
        start_id,
        customer_number,
        {{ coordinates | join(",\n        ") }},
        cluster,
        squared_distance

    from (

        select
            distances.*,
            row_number() over (
                partition by segmentation, k, start_id, customer_number
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
        start_id,
        customer_number,
        {{ coordinates | join(",\n        ") }},
        nearest.cluster as cluster,
        nearest.squared_distance as squared_distance

    from (

        select
            segmentation,
            k,
            start_id,
            customer_number,
            {%- for coordinate in coordinates %}
            max({{ coordinate }}) as {{ coordinate }},
            {%- endfor %}
            min({{ struct }}) as nearest

        from ({{ segmentation._centroid_distances(points, centroids, coordinates) }}) as distances

        group by
            segmentation,
            k,
            start_id,
            customer_number

    ) as compared
{% endmacro %}


{# A look at the few centroids for each customer beats any sort of all pairs. #}
{% macro postgres__nearest_centroids(points, centroids, coordinates) %}
    select
        points.segmentation,
        nearest.k,
        nearest.start_id,
        points.customer_number,
        {%- for coordinate in coordinates %}
        points.{{ coordinate }},
        {%- endfor %}
        nearest.cluster,
        nearest.squared_distance

    from {{ points }} as points

    cross join lateral (

        select distinct on (distances.k, distances.start_id)
            distances.k,
            distances.start_id,
            distances.cluster,
            distances.squared_distance

        from (

            select
                centroids.k,
                centroids.start_id,
                centroids.cluster,
                {{ segmentation._squared_distance(coordinates) }} as squared_distance

            from {{ centroids }} as centroids

            where centroids.segmentation = points.segmentation
                and centroids.{{ coordinates[0] }} is not null

        ) as distances

        order by distances.k, distances.start_id, distances.squared_distance, distances.cluster

    ) as nearest
{% endmacro %}


{% macro redshift__nearest_centroids(points, centroids, coordinates) %}
    {{- segmentation.default__nearest_centroids(points, centroids, coordinates) }}
{% endmacro %}


{% macro _centroid_distances(points, centroids, coordinates) %}
    select
        points.segmentation,
        centroids.k,
        centroids.start_id,
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

    clusters   relation of (segmentation, k, start_id, cluster): all that there should be
#}
{% macro next_centroids(points, centroids, clusters, coordinates) %}
    select
        segmentation,
        k,
        start_id,
        cluster
        {%- for coordinate in coordinates %},
        case
            when customers is not null then {{ coordinate }}
            else max(case when {{ coordinate }} is not null and reach > 0 then case when farthest = {{ loop.index }} then largest_{{ coordinate }} else {{ coordinate }} end end)
                over (partition by segmentation, k, start_id, place)
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
                partition by segmentation, k, start_id, case when customers is null then 1 else 0 end
                order by reach desc, cluster
            ) as place

        from (

            select
                clusters.segmentation,
                clusters.k,
                clusters.start_id,
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
                    start_id,
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
                    start_id,
                    cluster

            ) as means
                on clusters.segmentation = means.segmentation
                and clusters.k = means.k
                and clusters.start_id = means.start_id
                and clusters.cluster = means.cluster

        ) as reaches

    ) as ranked
{% endmacro %}


{#
    All clusters that are wanted, as SQL of (segmentation, k, start_id, cluster).

    largest_k   number: no k is larger
#}
{% macro wanted_clusters(wanted, largest_k) %}
    select
        wanted.segmentation,
        wanted.k,
        wanted.start_id,
        numbers.cluster

    from {{ wanted }} as wanted

    inner join (
        {%- for number in range(largest_k) %}
        select {{ number }} as cluster{{ "" if loop.last else " union all" }}
        {%- endfor %}
    ) as numbers
        on numbers.cluster < wanted.k
{% endmacro %}


{# Centroids as the columns of the models that keep them, all alike. #}
{% macro kept_centroids(centroids, coordinates) %}
    select
        ---------- ids
        segmentation,
        cast(k as integer) as k,
        cast(start_id as integer) as start_id,
        cast(cluster as integer) as cluster,

        ---------- numbers
        {{ coordinates | join(",\n        ") }}

    from {{ centroids }}
{% endmacro %}

{#
    The silhouette of each customer (Rousseeuw 1987), as SQL of (segmentation, k, customer_number,
    cluster, silhouette); no rows where they all are in one cluster or each in an own.

    labels    relation of (segmentation, k, customer_number, cluster, <coordinates>); all pairs of its
              customers are compared
#}
{% macro silhouettes(labels, coordinates) %}
    select
        segmentation,
        k,
        customer_number,
        cluster,
        case
            when own_others = 0 or greatest(own_distance, other_distance) = 0 then 0
            else (other_distance - own_distance) / greatest(own_distance, other_distance)
        end as silhouette

    from (

        select
            segmentation,
            k,
            customer_number,
            max(own_cluster) as cluster,
            max(case when cluster = own_cluster then customers - 1 end) as own_others,
            max(case when cluster = own_cluster then distance_sum / nullif(customers - 1, 0) end) as own_distance,
            min(case when cluster <> own_cluster then distance_sum / customers end) as other_distance,
            count(*) as clusters,
            sum(customers) as all_customers

        from (

            select
                points.segmentation,
                points.k,
                points.customer_number,
                points.cluster as own_cluster,
                others.cluster,
                count(*) as customers,
                sum(sqrt({{ segmentation._squared_distance(coordinates, "points", "others") }})) as distance_sum

            from {{ labels }} as points

            inner join {{ labels }} as others
                on points.segmentation = others.segmentation
                and points.k = others.k

            group by
                points.segmentation,
                points.k,
                points.customer_number,
                points.cluster,
                others.cluster

        ) as distances

        group by
            segmentation,
            k,
            customer_number

    ) as compared

    where clusters between 2 and all_customers - 1
{% endmacro %}

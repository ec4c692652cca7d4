{#
    Which cluster of a fit is which segment of the last version, so that the total of the distances
    that segments have moved is least; a list of (segmentation, cluster, segment_id, distance). Where
    there are more clusters than segments, or fewer, some stay without a match. Empty where nothing
    is being built, and in unit tests, which override it.

    moves   the relation of `int_segmentation__segment_moves`
#}
{% macro matched_segments(moves) %}
    {% set matched = [] %}
    {% if not segmentation.is_building() or segmentation.is_unit_test() %}
        {% do return(matched) %}
    {% endif %}
    {% set distances = {} %}
    {% for segmentation_name, cluster, segment_id, distance in run_query(
        "select segmentation, cluster, segment_id, distance from " ~ moves ~ " order by segmentation, cluster, segment_id"
    ).rows %}
        {% do distances.setdefault(segmentation_name, {}).update({(cluster | int, segment_id | int): distance | float}) %}
    {% endfor %}
    {% for name, distance_of in distances.items() %}
        {% set clusters = distance_of.keys() | map("first") | unique | list %}
        {% set segment_ids = distance_of.keys() | map("last") | unique | list %}
        {# The assignment wants no more rows than columns. Costs are whole numbers, of which a double has
           all digits: beside one that is huge the others would be lost in sums of doubles. #}
        {% set rows, columns = (clusters, segment_ids) if clusters | length <= segment_ids | length else (segment_ids, clusters) %}
        {% set costs = [] %}
        {% for row in rows %}
            {% set cost = [] %}
            {% for column in columns %}
                {% set distance = distance_of[(row, column) if rows is sameas(clusters) else (column, row)] %}
                {% do cost.append((distance * 2 ** 60) | int) %}
            {% endfor %}
            {% do costs.append(cost) %}
        {% endfor %}
        {% for assigned in segmentation.least_total_assignment(costs) %}
            {% set pair = (rows[loop.index0], columns[assigned]) %}
            {% set pair = pair if rows is sameas(clusters) else (pair[1], pair[0]) %}
            {% do matched.append((name, pair[0], pair[1], distance_of[pair])) %}
        {% endfor %}
    {% endfor %}
    {% do return(matched) %}
{% endmacro %}

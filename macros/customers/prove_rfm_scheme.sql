{#
    Proves naming rules before they are used: one number of bands, every cell has one name, every
    name has a cell. Raises one error that lists what is wrong, cells included.

    scheme  its name, for the error
    rules   SQL of `rfm_scheme_rules`
#}
{% macro prove_rfm_scheme(scheme, rules) %}
    {% if segmentation.is_building() %}
        {% set title = "the naming rules '" ~ scheme ~ "' are not a scheme" %}
        {% set bands = run_query("select distinct bands from (" ~ rules ~ ") as rules order by 1").rows | map("first") | list %}
        {% if bands | length != 1 or bands[0] is none or not 2 <= bands[0] <= 9 %}
            {% do segmentation.raise_faults(title, [
                "bands: got " ~ (bands | join(", ") or "no rules") ~ "; allowed: one number from 2 to 9, the same in every row."
            ]) %}
        {% endif %}

        {% set names_by_cell = {} %}
        {% for recency, frequency, monetary, name in run_query(
            segmentation.rfm_scheme_cells(rules)
            ~ "select recency_score, frequency_score, monetary_score, rfm_segment from final order by 1, 2, 3, 4"
        ).rows %}
            {% set names = names_by_cell.setdefault(recency ~ "" ~ frequency ~ monetary, []) %}
            {% if name is not none %}
                {% do names.append(name) %}
            {% endif %}
        {% endfor %}

        {% set faults = [] %}
        {% set uncovered = [] %}
        {% set reached = [] %}
        {% for cell, names in names_by_cell.items() %}
            {% do reached.extend(names) %}
            {% if not names %}
                {% do uncovered.append(cell) %}
            {% elif names | length > 1 %}
                {% do faults.append("cell " ~ cell ~ " has " ~ (names | length) ~ " rules: " ~ (names | join(", "))) %}
            {% endif %}
        {% endfor %}
        {% if uncovered %}
            {% do faults.append("cells without a name: " ~ (uncovered | join(" "))) %}
        {% endif %}
        {% for name in run_query("select distinct rfm_segment from (" ~ rules ~ ") as rules order by 1").rows | map("first") %}
            {% if name is none or not name | trim %}
                {% do faults.append("a rule has no name: rfm_segment is empty") %}
            {% elif name not in reached %}
                {% do faults.append("name '" ~ name ~ "' is never reached: its rules cover no cell") %}
            {% endif %}
        {% endfor %}
        {% do segmentation.raise_faults(title, faults) %}
    {% endif %}
{% endmacro %}

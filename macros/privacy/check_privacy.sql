{#
    The gate where ids come in. Raises where the vars are faulty, since a misspelt option must not let
    real ids through; where pseudonyms have no salt; and where a var names the column that they hide
    once more. It looks at the salt by counts alone, so nothing prints it.
#}
{% macro check_privacy() %}
    {% set pseudonymize = segmentation.option("pseudonymize") %}
    {% if pseudonymize is not none and pseudonymize.salt is not none %}
        {# dbt must see the reference as it parses, also where no customers are read: all frozen. #}
        {% do segmentation.relation_of(pseudonymize.salt) %}
    {% endif %}
    {% if segmentation.is_building() %}
        {% set configuration = segmentation.configuration() %}
        {% do segmentation.raise_faults("the vars are not right", configuration.faults) %}
        {% if pseudonymize is not none %}
            {% do segmentation.raise_faults("the vars show whom pseudonyms hide", segmentation._unhidden_ids(configuration)) %}
            {% do segmentation.raise_faults("there is no salt", segmentation._salt_faults(pseudonymize.salt)) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# One sentence for each place that names the column of customers' ids as something else. #}
{% macro _unhidden_ids(configuration) %}
    {% set faults = [] %}
    {% set named = [] %}
    {% set columns = configuration.input.columns %}
    {% for name, column in columns.items() if name != "customer_id" %}
        {% do named.append(("segmentation_input.columns." ~ name, column, columns.customer_id)) %}
    {% endfor %}
    {% for name, definition in configuration.definitions.items() %}
        {% set path = "segmentation_definitions." ~ name %}
        {% do named.append((path ~ ".value", definition.value, definition.customer_id)) %}
        {% for feature in definition.features %}
            {% do named.append((path ~ ".features", feature, definition.customer_id)) %}
        {% endfor %}
    {% endfor %}
    {% for path, column, customer_id in named if column is not none and column | lower == customer_id | lower %}
        {% do segmentation._fault(faults, path, column, "any column but that of the customer's id, since it would not be hashed") %}
    {% endfor %}
    {% do return(faults) %}
{% endmacro %}


{# What is wrong with the relation of the salt: a list of one sentence, or of none. #}
{% macro _salt_faults(reference) %}
    {% set relation = segmentation.relation_of(reference) %}
    {% set path = "segmentation_options.pseudonymize.salt: " %}
    {# A fixture has no columns, and with dbt's --empty no relation has a row. #}
    {% if segmentation.is_unit_test() or relation.limit is not none %}
        {% do return([]) %}
    {% endif %}
    {% set existing = segmentation.relation_columns(relation) %}
    {% set column = segmentation.find_column("salt", existing) %}
    {% if relation.is_cte or not existing %}
        {% do return([path ~ relation ~ " is no table or view that exists; allowed: one row with a salt, which the project's files do not hold."]) %}
    {% elif column is none %}
        {% do return([path ~ "no column 'salt' in " ~ relation ~ "; columns that exist: " ~ (existing.keys() | join(", "))]) %}
    {% elif column.kind != "text" %}
        {% do return([path ~ "column 'salt' in " ~ relation ~ " is of kind " ~ column.kind ~ "; allowed: text, which is the same on every engine."]) %}
    {% endif %}
    {% set long_enough = "length(" ~ segmentation.trim_blanks(column.sql) ~ ") >= 16" %}
    {% set rows, salts = run_query("select count(*), count(case when " ~ long_enough ~ " then 1 end) from " ~ relation).rows[0] %}
    {% if rows != 1 or salts != 1 %}
        {% do return([
            path ~ relation ~ " has " ~ rows ~ (" row, " if rows == 1 else " rows, ") ~ salts
            ~ " with a salt of 16 characters or more; allowed: one row, with such a salt."
        ]) %}
    {% endif %}
    {% do return([]) %}
{% endmacro %}


{# True in a unit test, whose relations are fixtures. #}
{% macro is_unit_test() %}
    {% do return(model is defined and model.resource_type == "unit_test") %}
{% endmacro %}

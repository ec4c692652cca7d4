{#
    Pairs rows with columns, each at most once and as many as there can be, so that the sum of their
    costs is least: the assignment problem, by shortest augmenting paths (Kuhn 1955; the form with
    potentials of Jonker and Volgenant 1987), in about n^3 steps.

    costs   list of rows of numbers, as many in each, no more rows than columns; whole numbers are
            summed up exactly, whatever their size
    Gives a list: the column of each row, counted from 0.
#}
{% macro least_total_assignment(costs) %}
    {% set rows = costs | length %}
    {% set columns = costs[0] | length if rows else 0 %}
    {# Row and column 0 stand for nobody; potentials keep every reduced cost at zero or above. #}
    {% set row_potential = dict.fromkeys(range(rows + 1), 0) %}
    {% set column_potential = dict.fromkeys(range(columns + 1), 0) %}
    {% set row_of_column = dict.fromkeys(range(columns + 1), 0) %}
    {% for row in range(1, rows + 1) %}
        {% do row_of_column.update({0: row}) %}
        {% set least = dict.fromkeys(range(columns + 1)) %}
        {% set before = dict.fromkeys(range(columns + 1), 0) %}
        {% set is_reached = dict.fromkeys(range(columns + 1), false) %}
        {% set path = namespace(column=0, is_open=true) %}
        {% for _ in range(columns + 1) if path.is_open %}
            {% do is_reached.update({path.column: true}) %}
            {% set from_row = row_of_column[path.column] %}
            {% set step = namespace(cost=none, column=0) %}
            {% for column in range(1, columns + 1) if not is_reached[column] %}
                {% set reduced = costs[from_row - 1][column - 1] - row_potential[from_row] - column_potential[column] %}
                {% if least[column] is none or reduced < least[column] %}
                    {% do least.update({column: reduced}) %}
                    {% do before.update({column: path.column}) %}
                {% endif %}
                {% if step.cost is none or least[column] < step.cost %}
                    {% set step.cost = least[column] %}
                    {% set step.column = column %}
                {% endif %}
            {% endfor %}
            {% for column in range(columns + 1) %}
                {% if is_reached[column] %}
                    {% do row_potential.update({row_of_column[column]: row_potential[row_of_column[column]] + step.cost}) %}
                    {% do column_potential.update({column: column_potential[column] - step.cost}) %}
                {% elif least[column] is not none %}
                    {% do least.update({column: least[column] - step.cost}) %}
                {% endif %}
            {% endfor %}
            {% set path.column = step.column %}
            {% set path.is_open = row_of_column[path.column] != 0 %}
        {% endfor %}
        {# Back along the path, each column takes the row of the one before it. #}
        {% for _ in range(columns + 1) if path.column != 0 %}
            {% do row_of_column.update({path.column: row_of_column[before[path.column]]}) %}
            {% set path.column = before[path.column] %}
        {% endfor %}
    {% endfor %}
    {% set assigned = dict.fromkeys(range(rows)) %}
    {% for column in range(1, columns + 1) if row_of_column[column] %}
        {% do assigned.update({row_of_column[column] - 1: column - 1}) %}
    {% endfor %}
    {% do return(assigned.values() | list) %}
{% endmacro %}

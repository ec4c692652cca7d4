{#
    Stops a fit that found its sample unfit, with all faults in one error, before anything that
    stands on it; the last model stays in place.

    fitted   relation with the faults as rows: parameter 'fault', the sentence in text_value
#}
{% macro raise_fit_faults(fitted) %}
    {% if segmentation.is_building() and not segmentation.is_unit_test() %}
        {% set faults = [] %}
        {% for row in run_query(
            "select text_value from " ~ fitted ~ " where parameter = 'fault' order by segmentation, text_value"
        ).rows %}
            {% do faults.append(row[0]) %}
        {% endfor %}
        {% do segmentation.raise_faults("the fit sample cannot be fitted", faults) %}
    {% endif %}
{% endmacro %}

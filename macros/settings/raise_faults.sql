{#
    Stops the build with all faults in one error. It raises only where something is being built
    (run, build, retry), so that parse, compile and docs work on a faulty configuration.

    title   what is wrong, without a full stop
    faults  list of sentences; nothing happens when it is empty
    hints   list of sentences that help to mend them
#}
{% macro raise_faults(title, faults, hints=[]) %}
    {% if faults and segmentation.is_building() %}
        {% do exceptions.raise_compiler_error(
            "segmentation: " ~ title ~ " (" ~ (faults | length) ~ (" fault" if faults | length == 1 else " faults") ~ ")\n  - "
            ~ ((faults + hints) | join("\n  - "))
        ) %}
    {% endif %}
{% endmacro %}


{# True while a model is really being built, not parsed, compiled, documented or tested. #}
{% macro is_building() %}
    {% do return(execute and flags.WHICH in ("run", "build", "retry")) %}
{% endmacro %}


{# True while rows are really read: while a model is being built, shown or tested. #}
{% macro is_querying() %}
    {% do return(segmentation.is_building() or (execute and flags.WHICH in ("show", "test"))) %}
{% endmacro %}

{#
    What a leaf of the rule tree says of one number, in words, as SQL: "bought more than 12 times",
    "spent at most 500", or plainly "order value between 20 and 35".

    Beside it must stand: phrase (text: how the feature is spoken of, by `phrase_of`), feature_words
    (its name with blanks), above and at_most (its bounds; null for none), above_text and at_most_text.
#}
{% macro rule_phrase() -%}
    case
        when phrase = 'frequency' then
            case
                when above is not null and at_most is not null and floor(above) + 1 < floor(at_most) then
                    {{ dbt.concat(["'bought '", segmentation.decimal_text("floor(above) + 1", 0), "' to '", segmentation.decimal_text("floor(at_most)", 0), "' times'"]) }}
                when above is not null and at_most is not null then
                    {{ dbt.concat(["'bought '", segmentation._times("floor(at_most)")]) }}
                when above = floor(above) then
                    {{ dbt.concat(["'bought more than '", segmentation._times("above")]) }}
                when above is not null then
                    {{ dbt.concat(["'bought at least '", segmentation._times("floor(above) + 1")]) }}
                when floor(at_most) = 1 and is_measure then 'bought once'
                else {{ dbt.concat(["'bought at most '", segmentation._times("floor(at_most)")]) }}
            end
        when phrase = 'recency_days' then
            case
                when above is not null and at_most is not null and floor(above) + 1 < floor(at_most) then
                    {{ dbt.concat(["'last came '", segmentation.decimal_text("floor(above) + 1", 0), "' to '", segmentation._days("floor(at_most)"), "' ago'"]) }}
                when above is not null and at_most is not null then
                    {{ dbt.concat(["'last came '", segmentation._days("floor(at_most)"), "' ago'"]) }}
                when above is not null then
                    {{ dbt.concat(["'has not come for more than '", segmentation._days("floor(above)")]) }}
                when floor(at_most) = 1 then 'came within the last day'
                else {{ dbt.concat(["'came within the last '", segmentation._days("floor(at_most)")]) }}
            end
        when phrase = 'monetary' then
            case
                when above is not null and at_most is not null then
                    {{ dbt.concat(["'spent between '", "above_text", "' and '", "at_most_text"]) }}
                when above is not null then {{ dbt.concat(["'spent more than '", "above_text"]) }}
                else {{ dbt.concat(["'spent at most '", "at_most_text"]) }}
            end
        when above is not null and at_most is not null then
            {{ dbt.concat(["feature_words", "' between '", "above_text", "' and '", "at_most_text"]) }}
        when above is not null then {{ dbt.concat(["feature_words", "' above '", "above_text"]) }}
        when at_most is not null then {{ dbt.concat(["feature_words", "' at most '", "at_most_text"]) }}
    end
{%- endmacro %}


{#
    How a feature is spoken of: by its name for an RFM measure, else as 'number'. Days and orders are
    spoken of as whole numbers, so columns of a table that is not the package's must be whole.
#}
{% macro phrase_of(feature, column, is_own) %}
    {% do return(feature if feature == "monetary" or (
        feature in ["recency_days", "frequency"] and (is_own or column.kind == "integer")
    ) else "number") %}
{% endmacro %}


{% macro _times(number) -%}
    case
        when {{ number }} = 1 then 'once'
        when {{ number }} = 2 then 'twice'
        else {{ dbt.concat([segmentation.decimal_text(number, 0), "' times'"]) }}
    end
{%- endmacro %}


{% macro _days(number) -%}
    {{ dbt.concat([segmentation.decimal_text(number, 0), "case when " ~ number ~ " = 1 then ' day' else ' days' end"]) }}
{%- endmacro %}

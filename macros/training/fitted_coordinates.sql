{#
    The coordinates of points, numbered from 1 in each segmentation: one a number, one a level of a
    category; with what a value goes through to become one. SQL of (segmentation, feature, level_id,
    level, coordinate, transform, fill_level, <number>_number of each numeric parameter).

    parameters   rows of `int_segmentation__fit_sql_features`
    settings     rows of `segmentation__settings`
#}
{% macro fitted_coordinates(parameters, settings) %}
    select
        scalings.*,
        levels.level_id,
        levels.text_value as level,
        row_number() over (
            partition by scalings.segmentation
            order by scalings.feature_position, levels.level_id
        ) as coordinate

    from (

        select
            parameters.segmentation,
            parameters.feature,
            settings.feature_position,
            max(case when parameters.parameter = 'transform' then parameters.text_value end) as transform,
            max(case when parameters.parameter = 'fill_value' then parameters.text_value end) as fill_level,
            {%- for parameter in ["lambda", "mean", "scale", "minimum", "weight", "fill_value", "clip_low", "clip_high", "fence_low", "fence_high"] %}
            max(case when parameters.parameter = '{{ parameter }}' then parameters.value end) as {{ parameter }}_number{{ "" if loop.last else "," }}
            {%- endfor %}

        from {{ parameters }} as parameters

        inner join {{ settings }} as settings
            on parameters.segmentation = settings.segmentation
            and parameters.feature = settings.feature

        group by
            parameters.segmentation,
            parameters.feature,
            settings.feature_position

    ) as scalings

    left join {{ parameters }} as levels
        on scalings.segmentation = levels.segmentation
        and scalings.feature = levels.feature
        and levels.parameter = 'level'
{% endmacro %}

with

settings as (

    select distinct
        segmentation,
        settings_hash,
        refit,
        refit_after_days,
        frozen_model

    from {{ ref('segmentation__settings') }}

),

last_version as (

    select * from {{ ref('int_segmentation__last_version') }}

),

last_fits as (

    select
        segmentation,
        model_version,
        max(case when parameter = 'settings_hash' then text_value end) as settings_hash,
        cast(max(case when parameter = 'as_of_date' then text_value end) as date) as as_of_date,
        cast(cast(max(case when parameter = 'fitted_at' then text_value end) as {{ dbt.type_timestamp() }}) as date) as fitted_date

    from last_version

    group by
        segmentation,
        model_version

),

days as (

    select
        {{ segmentation.as_of_date() }} as as_of_date,
        {{ segmentation.date_literal(run_started_at.strftime("%Y-%m-%d")) }} as run_date

),

{# Where nothing says which day is looked at, the days of the builds count. #}
compared as (

    select
        settings.segmentation,
        settings.settings_hash,
        settings.refit,
        settings.refit_after_days,
        settings.frozen_model,
        last_fits.model_version as last_model_version,
        last_fits.settings_hash as last_settings_hash,
        days.as_of_date,
        case
            when days.as_of_date is not null and last_fits.as_of_date is not null
                then {{ dbt.datediff("last_fits.as_of_date", "days.as_of_date", "day") }}
            else {{ dbt.datediff("last_fits.fitted_date", "days.run_date", "day") }}
        end as days_since_fit

    from settings

    cross join days

    left join last_fits
        on settings.segmentation = last_fits.segmentation

),

judged as (

    select
        segmentation,
        as_of_date,
        last_model_version,
        cast(days_since_fit as integer) as days_since_fit,
        frozen_model is null and (
            last_model_version is null
            or coalesce(last_settings_hash, '') <> settings_hash
            or refit = 'always'
            or (refit = 'after_days' and coalesce(days_since_fit, 0) >= refit_after_days)
        ) as is_due,
        case
            when frozen_model is not null then {{ dbt.concat(["'frozen model '", "frozen_model"]) }}
            when last_model_version is null then 'no model yet'
            when coalesce(last_settings_hash, '') <> settings_hash then 'the settings changed'
            when refit = 'always' then 'refit: always'
            when refit = 'never' then 'refit: never'
            else {{ dbt.concat([
                "cast(days_since_fit as " ~ dbt.type_string() ~ ")", "' days since the last fit, a refit is due after '",
                "cast(refit_after_days as " ~ dbt.type_string() ~ ")",
            ]) }}
        end as reason

    from compared

),

final as (

    select
        ---------- ids
        segmentation,
        last_model_version,

        ---------- dates
        as_of_date,

        ---------- numbers
        days_since_fit,

        ---------- booleans
        is_due,

        ---------- text
        reason

    from judged

)

select * from final

-- depends_on: {{ ref('segmentation__settings') }}

{%- set scheme = segmentation.option("rfm_scheme") %}
{%- set rules = segmentation.rfm_scheme_rules(scheme) %}
{%- do segmentation.prove_rfm_scheme(scheme, rules) %}

{{ segmentation.rfm_scheme_cells(rules) }}

select
    recency_score,
    frequency_score,
    monetary_score,
    {{ segmentation.rfm_digits() }} as rfm_score,
    rfm_segment,
    bands

from final

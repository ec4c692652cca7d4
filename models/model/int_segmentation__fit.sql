{%- if segmentation.trainer() == "sql" %}
{%- do segmentation.raise_fit_faults(ref('int_segmentation__fit_sql')) %}

select * from {{ ref('int_segmentation__fit_sql') }}
{%- else %}

select * from {{ ref('int_segmentation__fit_python') }}
{%- endif %}

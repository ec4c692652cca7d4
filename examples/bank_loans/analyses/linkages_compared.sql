-- Which linkage keeps the distances of the data best, and which gives tiers that one can use?
with

dendrograms as (

    select
        segmentation,
        max(cophenetic_correlation) as cophenetic_correlation

    from {{ ref('segmentation', 'segmentation__dendrogram') }}

    group by segmentation

),

cuts as (

    select
        segmentation,
        silhouette,
        smallest_share,
        stability

    from {{ ref('segmentation', 'segmentation__k_search') }}

    where is_chosen

),

agreements as (

    select
        segmentation,
        sum(agreement * sample_customers) / sum(sample_customers) as agreement

    from {{ ref('segmentation', 'segmentation__segments') }}

    group by segmentation

)

select
    cuts.segmentation,
    dendrograms.cophenetic_correlation,
    cuts.silhouette,
    cuts.smallest_share,
    cuts.stability,
    agreements.agreement

from cuts

inner join dendrograms
    on cuts.segmentation = dendrograms.segmentation

inner join agreements
    on cuts.segmentation = agreements.segmentation

order by cuts.segmentation

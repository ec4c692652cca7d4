{{ segmentation.score(ref('stg_wholesale__prospects'), 'buyers') }}

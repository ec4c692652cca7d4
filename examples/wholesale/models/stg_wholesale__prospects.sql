-- The last 40 firms of the file have asked for an offer and never bought.
select *

from {{ ref('stg_wholesale__lines') }}

where firm_id > 400

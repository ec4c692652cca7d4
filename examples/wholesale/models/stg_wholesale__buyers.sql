-- Two days in one file: 300 buyers on the first (buyers_known: 300), 400 on the next.
select *

from {{ ref('stg_wholesale__lines') }}

where firm_id <= {{ var('buyers_known', 400) }}

-- Every column as text, as in the file: the package reads numbers and dates itself.
select *

from read_csv('{{ var("online_retail_file") }}', header = true, all_varchar = true)

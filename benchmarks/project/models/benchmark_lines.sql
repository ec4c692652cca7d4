select * from read_parquet('{{ env_var("BENCHMARK_LINES") }}')

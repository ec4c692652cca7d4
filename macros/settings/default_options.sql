{# Every key of `segmentation_options` with its default. #}
{% macro default_options() %}
    {% do return({
        "as_of_date": none,
        "rfm_scheme": "eleven",
        "fit_sample_size": 100000,
        "minimum_segment_share": 0.01,
        "minimum_stability": 0.8,
        "seed": 42,
        "trainer": "auto",
        "data_test_severity": "warn",
        "pseudonymize": none,
        "erased_customers": none,
        "suppress_below": 0,
        "refit": {"after_days": 30},
        "history": {"period": "month", "periods": 12},
        "drift": {"warn": 0.25, "error": none},
    }) %}
{% endmacro %}

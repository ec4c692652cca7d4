{# The transforms that a feature may have, in the order in which ties of skewness are decided. #}
{% macro transforms() %}
    {% do return(["none", "log", "sqrt", "cbrt", "box_cox", "yeo_johnson"]) %}
{% endmacro %}


{# The most segments that one segmentation may have: scoring writes one distance for each. #}
{% macro largest_k() %}
    {% do return(50) %}
{% endmacro %}


{# The ways to scale a transformed feature: scikit-learn's StandardScaler, RobustScaler, MinMaxScaler, or none. #}
{% macro scalers() %}
    {% do return(["standard", "robust", "min_max", "none"]) %}
{% endmacro %}


{# What may replace a missing value of a feature, by its kind: the strategies of SimpleImputer. #}
{% macro imputers(kind) %}
    {% do return(
        ["most_frequent", "constant"] if kind == "category" else ["median", "mean", "most_frequent", "constant"]
    ) %}
{% endmacro %}

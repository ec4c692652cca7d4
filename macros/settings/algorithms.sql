{#
    The clustering algorithms, as {name: {has_k, largest_sample, options}}.

    has_k           whether the number of segments is asked for (else the algorithm finds it)
    largest_sample  the most customers that it is fitted on, where its cost or its prototypes grow
                    with their square; none: the option fit_sample_size alone
    options         scikit-learn's parameters that a definition may set, as {name: {default, ...}}
                    with either `choices` or smallest and largest (`whole` for whole numbers) and
                    `otherwise`, a value allowed beside those
#}
{% macro algorithms() %}
    {% set linkages = ["ward", "complete", "average", "single"] %}
    {% set covariances = ["full", "tied", "diag", "spherical"] %}
    {% set selections = ["eom", "leaf"] %}
    {% do return({
        "kmeans": {"has_k": true, "largest_sample": none, "options": {
            "n_init": {"default": 10, "whole": true, "smallest": 1, "largest": 1000},
        }},
        "hierarchical": {"has_k": true, "largest_sample": 10000, "options": {
            "linkage": {"default": "ward", "choices": linkages},
        }},
        "dbscan": {"has_k": false, "largest_sample": 10000, "options": {
            "eps": {"default": "auto", "otherwise": "auto", "whole": false, "smallest": 1e-9, "largest": 1000000000},
            "min_samples": {"default": 5, "whole": true, "smallest": 1, "largest": 10000},
        }},
        "hdbscan": {"has_k": false, "largest_sample": 10000, "options": {
            "min_cluster_size": {"default": "auto", "otherwise": "auto", "whole": true, "smallest": 2, "largest": 10000},
            "min_samples": {"default": none, "otherwise": none, "whole": true, "smallest": 1, "largest": 10000},
            "cluster_selection_method": {"default": "eom", "choices": selections},
        }},
        "gaussian_mixture": {"has_k": true, "largest_sample": none, "options": {
            "covariance_type": {"default": "full", "choices": covariances},
            "n_init": {"default": 3, "whole": true, "smallest": 1, "largest": 1000},
            "reg_covar": {"default": 1e-6, "whole": false, "smallest": 0, "largest": 1000000},
        }},
    }) %}
{% endmacro %}


{# The most customers that a definition is fitted on. #}
{% macro sample_size(definition) %}
    {% set largest = segmentation.algorithms()[definition.algorithm].largest_sample %}
    {% set asked = segmentation.option("fit_sample_size") %}
    {% do return(asked if largest is none else [asked, largest] | min) %}
{% endmacro %}

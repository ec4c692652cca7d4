{#
    The naming rules that ship, as data: scheme -> bands and, for each name, the cells that it
    covers. A cell is the three scores as digits, recency, frequency, monetary; the best is the
    highest. A point stands for any score. `segmentation__rfm_scheme` proves that every cell has
    exactly one name before any is used.
#}
{% macro rfm_schemes() %}
    {% do return({
        "eleven": {
            "bands": 5,
            "cells": {
                "Champions": "555 554 544 545 454 455 445",
                "Loyal": "543 444 435 355 354 345 344 335",
                "Potential Loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 333 323",
                "New Customers": "512 511 422 421 412 411 311",
                "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
                "Need Attention": "535 534 443 434 343 334 325 324",
                "About To Sleep": "331 321 312 221 213 231 241 251",
                "At Risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
                "Cannot Lose Them": "155 154 144 214 215 115 114 113",
                "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
                "Lost": "111 112 121 131 141 151",
            },
        },
        "ten": {
            "bands": 5,
            "cells": {
                "Champions": "54. 55.",
                "Loyal": "34. 35. 44. 45.",
                "Potential Loyalist": "42. 43. 52. 53.",
                "New Customers": "51.",
                "Promising": "41.",
                "Need Attention": "33.",
                "About To Sleep": "31. 32.",
                "At Risk": "13. 14. 23. 24.",
                "Cannot Lose Them": "15. 25.",
                "Hibernating": "11. 12. 21. 22.",
            },
        },
        "six": {
            "bands": 3,
            "cells": {
                "Champions": "333 332 323",
                "Loyal": "321 322 331 232 233",
                "Recent": "312 313 311 222 223",
                "Needs Attention": "213 221 123 132 133",
                "At Risk": "231 212 122 131 211",
                "Inactive": "111 112 113 121",
            },
        },
    }) %}
{% endmacro %}

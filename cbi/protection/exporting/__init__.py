"""Lists of people that leave the house: asked for, limited, encrypted, marked and written down."""

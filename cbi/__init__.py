"""CBI gets cash to people who need it, and proves where every cent went."""

"""What a corpus is: its entry in the catalogue, and what is wrong with one."""

"""The command line, attn2seq <verb>: a file for each verb or family of verbs."""

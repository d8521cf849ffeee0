def text(e): return ""

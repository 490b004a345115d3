def route(path, table):
    return table.get(path, "not found")

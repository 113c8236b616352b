GREETING = "hello from a locked package"

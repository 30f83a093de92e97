"""`dripcode web`: the pages, over the read model alone; what a person does there is a command on the topic."""

"""The read model: what pages show, projected from the topics. Never the truth; lost, it is made anew from them."""

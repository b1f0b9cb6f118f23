"""The recipe of the compact retriever."""

/// The pieces of a tokenizer and what each is for.
public struct Vocabulary {}

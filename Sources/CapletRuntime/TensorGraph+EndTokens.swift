import FormatKit
import ModelGraph
import StrictJSON
import Tokenization

extension TensorGraph {
    /// The tokens that end an answer: `eos_token_id` of generation_config.json, otherwise of config.json, one or several; those that GGUF
    /// metadata names; and the tokenizer's own where none of these says any.
    ///
    /// - Throws: `FormatError` for JSON that is none.
    func endTokens(_ tokenizer: Tokenizer) throws -> Set<Int32> {
        var found: Set<Int32> = []
        for name in ["generation_config.json", "config.json"] where found.isEmpty {
            guard let file = attachment(name) else { continue }
            let value = try JSONValue(parsing: file.bytes, path: name, object: name)["eos_token_id"]
            let ids = value?.array ?? [value].compactMap { $0 }
            found.formUnion(ids.compactMap { $0.integer.flatMap(Int32.init(exactly:)) })
        }
        for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
            if let id = metadata[key]?.integer.flatMap(Int32.init(exactly:)) { found.insert(id) }
        }
        if found.isEmpty, let id = tokenizer.vocabulary.eosID { found.insert(id) }
        return found
    }
}

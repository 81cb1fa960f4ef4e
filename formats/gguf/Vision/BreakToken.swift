import FormatKit
import ModelGraph
import StrictJSON

/// The token that ends a row of patches in Pixtral's text, whose embedding llama.cpp takes from the mmproj file.
enum BreakToken {
    static let spelling = "[IMG_BREAK]"
    static let tensorName = "v.token_embd.img_break"

    /// Its row of the embeddings, F32 [hidden].
    ///
    /// - Throws: `FormatError.unsupported` for a tokenizer without it and a model without the row.
    static func embedding(of graph: TensorGraph, path: String) throws -> DenseTensor {
        guard let token = try number(graph) else {
            throw FormatError.unsupported(
                path, "",
                "neither tokenizer_config.json, tokenizer.json nor tekken.json has the token \(spelling), whose embedding an mmproj file has"
            )
        }
        guard let tensor = graph.tensors.first(where: { $0.role == .embedding }), tensor.shape.rank == 2,
            (0..<tensor.shape.rows).contains(token), let shape = Shape([tensor.shape.columns])
        else { throw FormatError.unsupported(path, "", "the embeddings have no row \(token) for \(spelling), which an mmproj file has") }
        let dense = try tensor.denseForStorage()
        let size = dense.bytes.byteCount / dense.shape.rows
        guard let bytes = SlicedBytes(dense.bytes, offset: token * size, byteCount: size) else {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "has no row \(token)")
        }
        return try DenseTensor(dtype: dense.dtype, shape: shape, bytes: bytes).cast(to: .f32)
    }

    private static func number(_ graph: TensorGraph) throws -> Int? {
        func json(_ name: String) throws -> JSONValue? {
            try graph.attachment(name).map { try JSONValue(parsing: $0.bytes, path: name, object: name) }
        }
        for (number, token) in try json("tokenizer_config.json")?["added_tokens_decoder"]?.object?.members ?? []
        where token["content"]?.string == spelling {
            return Int(number)
        }
        for token in try json("tokenizer.json")?["added_tokens"]?.array ?? [] where token["content"]?.string == spelling {
            return token["id"]?.integer
        }
        for token in try json("tekken.json")?["special_tokens"]?.array ?? [] where token["token_str"]?.string == spelling {
            return token["rank"]?.integer
        }
        return nil
    }
}

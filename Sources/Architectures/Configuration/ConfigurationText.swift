import FormatKit
import ModelGraph
import StrictJSON

/// Changes to the text of config.json that leave every other byte as it was.
package enum ConfigurationText {
    package static func removing(_ key: String, from text: [UInt8]) throws -> [UInt8] {
        try checked { try JSONText.removing(key, from: text) }
    }

    package static func replacing(_ key: String, with value: String, in text: [UInt8]) throws -> [UInt8] {
        try checked { try JSONText.replacing(key, with: value, in: text) }
    }

    private static func checked(_ edit: () throws -> [UInt8]) throws -> [UInt8] {
        do {
            return try edit()
        } catch let error as JSONError {
            throw FormatError.malformed("config.json", "", "\(error)")
        }
    }
}

extension TensorGraph {
    /// Says in config.json, where that names the weights' dtype, that they are stored as `dtype`.
    ///
    /// - Throws: `FormatError.malformed` for a config.json that is no JSON object.
    public mutating func setConfiguredDType(_ dtype: DType) throws {
        guard let config = attachment("config.json"), let name = TensorGraph.torchNames[dtype] else { return }
        var text = config.bytes
        for key in ["torch_dtype", "dtype"] { text = try ConfigurationText.replacing(key, with: JSONText.quoted(name), in: text) }
        if text != config.bytes { attach(Attachment(name: config.name, bytes: text)) }
    }

    /// As torch spells dtypes.
    private static let torchNames: [DType: String] = [
        .f64: "float64", .f32: "float32", .f16: "float16", .bf16: "bfloat16", .f8E4M3: "float8_e4m3fn", .f8E5M2: "float8_e5m2",
    ]
}

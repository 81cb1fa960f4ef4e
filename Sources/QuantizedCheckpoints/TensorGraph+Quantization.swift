import Architectures
import FormatKit
import ModelGraph

/// Checkpoints whose weights other tools have quantised: found by the tensors that lie beside the codes, whatever config.json says.
extension TensorGraph {
    /// The schemes that weights are quantised by, each once; empty for a checkpoint of floats. Looks at names and dtypes alone.
    public var quantizationSchemes: [String] {
        var schemes: [String] = []
        for tensor in tensors {
            guard let scheme = scheme(of: tensor), !schemes.contains(scheme) else { continue }
            schemes.append(scheme)
        }
        return schemes
    }

    /// The scheme of a tensor that holds codes; nil for others.
    private func scheme(of tensor: Tensor) -> String? {
        let name = tensor.name
        func beside(_ ending: String, _ other: String) -> Bool {
            name.hasSuffix(ending) && contains(name.dropLast(ending.utf8.count) + other)
        }
        if beside("qweight", "scales"), tensor.dtype == .i32 { return isAWQ(tensor) ? "AWQ" : "GPTQ" }
        if beside("weight_packed", "weight_scale") { return tensor.dtype == .u8 ? "NVFP4" : "compressed-tensors pack-quantized" }
        if beside("weight", "SCB"), tensor.dtype == .i8 { return "bitsandbytes int8" }
        if beside("weight", "weight_scale_2"), tensor.dtype == .u8 { return "NVFP4" }
        if beside("weight", "weight_scale"), tensor.dtype == .i8 { return "compressed-tensors int8" }
        if beside("_blocks", "_scales"), tensor.dtype == .u8 { return "MXFP4" }
        if BitsAndBytesWeight.stateEndings.contains(where: { contains(name + $0) }) { return "bitsandbytes 4-bit" }
        if scaleName(ofFP8: tensor) != nil { return "FP8" }
        return nil
    }

    private func isAWQ(_ tensor: Tensor) -> Bool {
        guard let scales = self[tensor.name.dropLast("qweight".utf8.count) + "scales"] else { return false }
        return scales.shape.columns == tensor.shape.columns * 8 && !contains(tensor.name.dropLast("qweight".utf8.count) + "g_idx")
    }

    /// The weight that a tensor of codes stands for; nil for others, and for FP8.
    private func coding(of tensor: Tensor, _ settings: QuantizationSettings, _ path: String) throws -> (any WeightCoding)? {
        guard let scheme = scheme(of: tensor) else { return nil }
        func layer(_ ending: String) -> LayerTensors {
            LayerTensors(graph: self, layer: String(tensor.name.dropLast(ending.utf8.count)), path: path)
        }
        switch scheme {
        case "GPTQ": return try GPTQWeight(layer("qweight"), settings)
        case "AWQ": return try AWQWeight(layer("qweight"))
        case "bitsandbytes int8": return try Int8Weight(bitsAndBytes: layer("weight"))
        case "compressed-tensors int8": return try Int8Weight(compressedTensors: layer("weight"))
        case "compressed-tensors pack-quantized": return try PackedWeight(layer("weight_packed"), settings)
        case "NVFP4":
            let isPacked = tensor.name.hasSuffix("weight_packed")
            return try NVFP4Weight(
                layer(isPacked ? "weight_packed" : "weight"), codes: isPacked ? "weight_packed" : "weight",
                global: isPacked ? "weight_global_scale" : "weight_scale_2", divides: isPacked)
        case "MXFP4": return try MXFP4Weight(layer("_blocks"))
        case "bitsandbytes 4-bit":
            let ending = BitsAndBytesWeight.stateEndings.first { contains(tensor.name + $0) } ?? ""
            return try BitsAndBytesWeight(layer(""), state: ending)
        default: return nil
        }
    }

    /// The graph with every quantised weight as floats, made when its bytes are asked for, as the library that quantised it would; the tensors
    /// that belong to the codes are gone, and `quantization_config` from config.json.
    ///
    /// - Parameter dtype: what weights are stored as; nil for what their library decodes to.
    /// - Throws: `FormatError.malformed` for tensors that do not fit each other, `.unsupported` for a form that is not known.
    public func decodingQuantization(as dtype: DType?, path: String) throws -> TensorGraph {
        let settings = try QuantizationSettings(self)
        var made: [String: any WeightCoding] = [:]
        var dropped = Set<String>()
        for tensor in tensors {
            guard let coding = try coding(of: tensor, settings, path) else { continue }
            made[tensor.name] = coding
            dropped.formUnion(coding.parts)
        }
        var graph = TensorGraph()
        (graph.metadata, graph.attachments, graph.ties) = (metadata, attachments, ties)
        (graph.structure, graph.sources) = (structure, sources)
        for tensor in tensors {
            guard let coding = made[tensor.name] else {
                if !dropped.contains(tensor.name) { try graph.append(tensor) }
                continue
            }
            try graph.append(Tensor(name: coding.weight, dense: try decoded(coding, as: dtype ?? coding.dtype)))
        }
        if let first = made.values.first, let config = graph.attachment("config.json") {
            graph.attach(Attachment(name: config.name, bytes: try ConfigurationText.removing("quantization_config", from: config.bytes)))
            try graph.setConfiguredDType(dtype ?? first.dtype)
        } else if !scaledFP8Weights.isEmpty, dtype == nil {
            try graph.setConfiguredDType(.bf16)
        }
        return try graph.applyingFP8Scales(as: dtype ?? .bf16, path: path)
    }

    private func decoded(_ coding: any WeightCoding, as dtype: DType) throws -> DenseTensor {
        guard let size = dtype.byteCount(of: coding.shape.elementCount) else {
            throw GraphError.inconsistent("'\(coding.weight)'", "needs too many bytes")
        }
        let bytes = DeferredBytes(byteCount: size) {
            try DenseTensor(floats: coding.floats(), shape: coding.shape, dtype: dtype).bytes
        }
        return try DenseTensor(dtype: dtype, shape: coding.shape, bytes: bytes)
    }
}

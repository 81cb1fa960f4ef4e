import FormatKit
import ModelGraph
import StrictJSON

/// What `quantization_config` of config.json says that shapes do not.
struct QuantizationSettings {
    var bits: Int?
    var checkpointFormat: String?
    var isMarlin = false

    init(_ graph: TensorGraph) throws {
        guard let config = graph.attachment("config.json") else { return }
        let settings = try JSONValue(parsing: config.bytes, path: config.name, object: "", takesInfinity: true)["quantization_config"]
        bits = settings?["bits"]?.integer ?? settings?["config_groups"]?.object?.first?.value["weights"]?["num_bits"]?.integer
        checkpointFormat = settings?["checkpoint_format"]?.string
        isMarlin = settings?["is_marlin_format"]?.bool == true || checkpointFormat == "marlin"
    }
}

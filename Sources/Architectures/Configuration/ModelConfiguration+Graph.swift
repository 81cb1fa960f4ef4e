import FormatKit
import ModelGraph
import StrictJSON

extension ModelConfiguration {
    /// The hyperparameters of a graph: those of the config.json that travels with it, otherwise those that its format's reader found.
    ///
    /// - Returns: nil when neither is there or the family is not known.
    /// - Throws: `ConfigurationError`, `FormatError` for a config.json that is there and broken.
    package init?(of graph: TensorGraph) throws {
        if let config = graph.attachment(ModelConfiguration.fileName) {
            try self.init(configJSON: config.bytes, path: ModelConfiguration.fileName)
            return
        }
        guard let known = graph.configuration as? ModelConfiguration else { return nil }
        self = known
    }

    /// What a graph's files call its architecture: `model_type` of config.json, or the first of `architectures`; nil where they do not say.
    package static func architectureName(of graph: TensorGraph) -> String? {
        if let config = graph.attachment(fileName),
            let json = try? JSONValue(parsing: config.bytes, path: fileName, object: "", takesInfinity: true)
        {
            if let name = json["model_type"]?.string ?? json["architectures"]?.array?.first?.string { return name }
        }
        return graph.structure.architecture ?? graph.metadata["general.architecture"]?.string
    }

    /// Where Hugging Face's checkpoints have their hyperparameters.
    package static let fileName = "config.json"
}

import Caplet

extension CompressionRequest {
    /// What a JSON object asks for by the options of `caplet compress`.
    ///
    /// - Throws: `RequestError`; `PipelineError` for text that is no pipeline.
    init(_ json: inout RequestReader) throws {
        self.init(model: try json.neededText("model"), output: try json.neededText("output"))
        aim = try CompressionRequest.aim(&json)
        tensorTypes = try json.texts("tensor_type").map { text in
            guard let type = TensorType(text) else { throw RequestError(.usage, "\"tensor_type\" takes PATTERN=TYPE, not '\(text)'") }
            return type
        }
        let field = try json.text("text_field"), context = try json.count("context")
        calibration = try CompressionRequest.calibration(&json, field: field, context: context)
        let measured = try json.texts("text")
        measuredText = measured.isEmpty ? nil : TextSource(measured, field: field)
        measuredContext = context
        measuresCost = try !(json.flag("no_measure") ?? false)
        if !measuresCost, measuredText != nil { throw RequestError(.usage, "\"no_measure\" excludes \"text\"") }
        if let seed = try json.count("seed") {
            guard let seed = UInt64(exactly: seed) else { throw RequestError(.usage, "\"seed\" takes 0 or more") }
            self.seed = seed
        }
        original = try json.text("original")
        format = try json.text("from")
        outputFormat = try json.text("to")
        embedsFiles = try json.flag("embed_files") ?? false
        reportPath = try json.text("report")
        replacesOutput = try json.flag("force") ?? false
    }

    private static func aim(_ json: inout RequestReader) throws -> Aim? {
        var aims: [Aim] = []
        if let keep = try json.number("keep", atMost: 1) { aims.append(.keep(keep)) }
        if let size = try json.byteCount("size") { aims.append(.size(size)) }
        if let bits = try json.number("bits_per_weight", atMost: 64) { aims.append(.bitsPerWeight(bits)) }
        if let increase = try json.number("max_loss_increase", atMost: 100) { aims.append(.lossIncrease(increase)) }
        if try json.flag("lossless") ?? false { aims.append(.lossless) }
        if let pipeline = try json.text("pipeline") { aims.append(.pipeline(try Pipeline(parsing: pipeline))) }
        if let path = try json.text("pipeline_file") { aims.append(.pipelineFile(path)) }
        guard aims.count <= 1 else {
            throw RequestError(
                .usage,
                "\"keep\", \"size\", \"bits_per_weight\", \"max_loss_increase\", \"lossless\", \"pipeline\" and \"pipeline_file\" exclude each other"
            )
        }
        return aims.first
    }

    private static func calibration(_ json: inout RequestReader, field: String?, context: Int?) throws -> CalibrationText? {
        let paths = try json.texts("calibration"), tokens = try json.text("calibration_tokens")
        let sequences = try json.count("calibration_sequences") ?? CalibrationText(.builtIn).sequences
        if let tokens {
            guard paths.isEmpty, context == nil else {
                throw RequestError(
                    .usage, "\"calibration_tokens\" excludes \"calibration\" and \"context\": rows of token ids have their own length")
            }
            return CalibrationText(.tokens(tokens), sequences: sequences)
        }
        return paths.isEmpty ? nil : CalibrationText(.text(TextSource(paths, field: field)), sequences: sequences, context: context)
    }
}

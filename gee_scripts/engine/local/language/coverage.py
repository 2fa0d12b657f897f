"""The algorithms that the embedded engine means to answer, by what they are for.

The list was written before the work on it; docs/engine.md is made from it and from what is implemented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gee_scripts.engine.local.language.registry import IMPLEMENTED, signatures

_MATHS = ("add subtract multiply divide mod pow min max atan2 hypot abs ceil floor round sqrt exp log log10 cbrt sin"
          " cos tan asin acos atan sinh cosh tanh signum eq neq lt lte gt gte and or not bitwiseAnd bitwiseOr"
          " bitwiseXor bitwiseNot bitCount leftShift rightShift")
_TYPES = "toByte toShort toInt toLong toFloat toDouble toInt8 toUint8 toInt16 toUint16 toInt32 toUint32 toInt64"
_MATRICES = ("matrixTranspose matrixMultiply matrixSolve matrixInverse matrixPseudoInverse matrixDeterminant"
             " matrixTrace matrixFnorm matrixDiagonal matrixToDiag matrixCholeskyDecomposition matrixQRDecomposition"
             " matrixLUDecomposition matrixSingularValueDecomposition")

COVERAGE: Mapping[str, tuple[str, ...]] = {
    family: tuple(f"{owner}.{name}" if owner else name for owner, names in members for name in names.split())
    for family, members in {
        "Arithmetic of images": [("Image", f"{_MATHS} {_TYPES} cast normalizedDifference parseExpression"
                                           " polynomial unitScale clamp interpolate where remap")],
        "Bands and properties": [("Image", "constant load select rename regexpRename addBands bandNames bandTypes cat"
                                           " metadata copyProperties rgbToHsv hsvToRgb"),
                                 ("Element", "get getNumber getString getArray set setMulti propertyNames toDictionary"
                                             " copyProperties replaceProperties geometry")],
        "Masks": [("Image", "mask updateMask selfMask unmask clip clipToCollection clipToBoundsAndScale")],
        "Grids": [("Image", "projection setDefaultProjection reproject changeProj resample reduceResolution pixelLonLat"
                            " pixelCoordinates pixelArea random translate"),
                  ("Projection", "crs nominalScale scale transform translate wkt"), ("", "Projection")],
        "Neighbourhoods": [("Image", "reduceNeighborhood focalMin focalMax focalMean focalMedian focalMode convolve"
                                     " gradient derivative entropy connectedPixelCount connectedComponents"
                                     " fastDistanceTransform distance neighborhoodToBands neighborhoodToArray"),
                           ("Kernel", "circle square rectangle octagon cross plus diamond euclidean manhattan chebyshev"
                                      " gaussian fixed laplacian4 laplacian8 sobel prewitt roberts kirsch compass"
                                      " rotate add inverse")],
        "Statistics": [("Image", "reduce reduceRegion reduceRegions sample sampleRegions stratifiedSample"
                                 " sampleRectangle reduceToVectors"),
                       ("Collection", "reduceColumns reduceToImage errorMatrix"),
                       ("ImageCollection", "reduce getRegion"),
                       ("Reducer", "mean median percentile min max minMax mode count countDistinct"
                                   " countDistinctNonNull countEvery sum product stdDev"
                                   " sampleStdDev variance sampleVariance skew kurtosis histogram"
                                   " autoHistogram fixedHistogram fixed2DHistogram frequencyHistogram first last"
                                   " firstNonNull lastNonNull linearFit linearRegression"
                                   " robustLinearRegression ridgeRegression covariance"
                                   " centeredCovariance pearsonsCorrelation spearmansCorrelation kendallsCorrelation"
                                   " sensSlope intervalMean toList toCollection anyNonZero allNonZero and or bitwiseAnd"
                                   " bitwiseOr circularMean circularVariance circularStddev"
                                   " combine repeat group forEach forEachBand forEachElement setOutputs getOutputs"
                                   " unweighted splitWeights")],
        "Collections": [("Collection", "map iterate filter first size toList limit distinct merge flatten"
                                       " randomColumn loadTable remap geometry union distance style draw"),
                        ("ImageCollection", "load fromImages mosaic qualityMosaic toArray toArrayPerBand toBands cast"
                                            " combine"),
                        ("Image", "linkCollection"),
                        ("reduce", "mean median min max mode sum count product and or")],
        "Filters and joins": [("Filter", "equals notEquals lessThan lessThanOrEquals greaterThan greaterThanOrEquals"
                                         " rangeContains listContains inList stringContains stringStartsWith"
                                         " stringEndsWith notNull hasType and or not intersects contains isContained"
                                         " disjoint withinDistance dateRangeContains dayOfYear calendarRange"
                                         " maxDifference expression area"),
                              ("Join", "apply simple inner inverted saveAll saveBest saveFirst")],
        "Arrays": [("", "Array"), ("Array", f"{_MATHS} {_MATRICES} cat get cut slice reshape transpose repeat reduce"
                                            " sort accum argmax dotProduct mask pad project length identity eigen"
                                            " toList toFloat toDouble toInt"),
                   ("Image", f"{_MATRICES} matrixIdentity toArray arrayCat arrayGet arrayProject arrayFlatten"
                             " arraySlice arraySort arrayReduce arrayRepeat arrayReshape arrayTranspose arrayMask"
                             " arrayPad arrayLength arrayLengths arrayDimensions arrayDotProduct"
                             " arrayAccum arrayArgmax")],
        "Learning": [("Classifier", "decisionTree decisionTreeEnsemble setOutputMode mode schema"),
                     ("Image", "classify"), ("FeatureCollection", "classify"),
                     ("ConfusionMatrix", "array accuracy kappa producersAccuracy consumersAccuracy order fscore"),
                     ("", "ConfusionMatrix")],
        "Pictures": [("Image", "visualize blend paint")],
        "Geometry": [("GeometryConstructors", "Point MultiPoint LineString MultiLineString LinearRing Polygon"
                                              " MultiPolygon MultiGeometry Rectangle BBox"),
                     ("Geometry", "area length perimeter bounds buffer centroid convexHull simplify union intersection"
                                  " difference symmetricDifference dissolve contains containedIn intersects disjoint"
                                  " distance withinDistance transform projection coordinates geometries type"
                                  " coveringGrid cutLines closestPoint closestPoints isUnbounded geodesic"
                                  " edgesAreGeodesics"),
                     ("Feature", "area length perimeter bounds buffer centroid convexHull simplify union intersection"
                                 " difference symmetricDifference dissolve contains containedIn intersects disjoint"
                                 " distance withinDistance transform cutLines closestPoint closestPoints geometry id"
                                 " setGeometry select toArray"),
                     ("", "Feature ErrorMargin")],
        "Numbers, texts, lists, dictionaries, dates": [
            ("Number", f"{_MATHS} clamp unitScale format parse expression"),
            ("String", "cat length slice index rindex match replace split toLowerCase toUpperCase trim equals"
                       " compareTo"),
            ("List", "add cat contains containsAll distinct equals filter flatten frequency get getNumber getString"
                     " indexOf indexOfSublist insert iterate join lastIndexOfSubList length map reduce remove removeAll"
                     " repeat replace replaceAll reverse rotate sequence set shuffle size slice sort splice swap"
                     " unzip zip"),
            ("Dictionary", "combine contains fromLists get getArray getNumber getString keys map remove rename set"
                           " size toArray toImage values"),
            ("Date", "advance difference format fromYMD get getFraction getRange getRelative millis parse unitRatio"
                     " update"),
            ("DateRange", "start end contains intersection intersects isEmpty isUnbounded union unbounded"),
            ("PixelType", "double float int8 int16 int32 int64 uint8 uint16 uint32 dimensions maxValue minValue"
                          " precision"),
            ("", "Date DateRange If String PixelType")],
    }.items()}
"""Family -> wire names, as in the client's list of algorithms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How far an algorithm is answered.

    Attributes:
        family: what it is for, a key of `COVERAGE`; "" where the list does not have it.
        name: on the wire.
        status: "done", "partial" or "not".
        note: what is refused, and where an answer may be another than the service's.
        source: what our reading rests on, beside the algorithm's description in the client's list.
    """

    family: str
    name: str
    status: str
    note: str
    source: str


def rows() -> list[Row]:
    """Every algorithm of Earth Engine: those of `COVERAGE` in its order, then the others by name.

    Raises:
        EngineError: the installed `ee` client does not ship its list.
    """
    from gee_scripts.engine.local import algorithms  # noqa: F401 - the families register themselves

    families = {name: family for family, names in COVERAGE.items() for name in names}
    others = sorted(set(signatures()) - set(families))
    return [_row(family, name) for name, family in [*families.items(), *((name, "") for name in others)]]


def _row(family: str, name: str) -> Row:
    # The evaluator answers `If` itself: it must not compute the case that is not taken.
    if name == "If":
        return Row(family=family, name=name, status="done", note="", source="")
    entry = IMPLEMENTED.get(name)
    if entry is None:
        return Row(family=family, name=name, status="not", note="", source="")
    note = "; ".join(text for text in (entry.lacks and f"refused: {entry.lacks}", entry.differs) if text)
    return Row(family=family, name=name, status=entry.status, note=note, source=entry.source)
